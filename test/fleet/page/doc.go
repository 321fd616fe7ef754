// Package page writes the pages of a simulated virt-handler. In goes a page of
// KubeVirt's own exporter (one guest, at two moments), out comes the gzipped
// page of any node of a fleet at any time. It knows nothing of HTTP.
//
// What is as on the real page: all series of the guest with their HELP and TYPE,
// their order (by family, within a family by the labels' values), their labels
// and the length of their lines; one gzip member of dynamic deflate blocks.
//
// What is simulated:
//   - Every VMI has the template's shape: 2 vCPUs, 2 NICs, 2 drives, 2
//     filesystems, an agent. Labels name the VMI, its pool and its node, and one
//     more, tier, stands for the labels that users add.
//   - Counters that move between the template's two moments grow at the
//     template's rate times the VMI's load; some memory gauges wander. All others
//     stand still. A moving value has a fixed number of digits, as those of a
//     guest that has run for long.
//   - The families go_, process_ and promhttp_, one in a hundred bytes, are left
//     out, as the template leaves them out.
//   - The page is not compressed when it is asked for. Its layout is the same for
//     all nodes and times but for single bytes, so it is parsed for matches
//     once, with a parser like that of the standard library's level 6 that never
//     lets a match touch a moving byte. All characters that can stand at such a
//     place get Huffman codes of one length, so that writing them moves no bit of
//     the rest, and the CRC, which is linear, is corrected by what they add.
//     The tests hold the result against compress/gzip: size, and time to unpack.
package page
