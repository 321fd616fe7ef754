package series

import (
	"strconv"
	"testing"
)

func TestIndex(t *testing.T) {
	for _, n := range []int{0, 1, mapped - 1, mapped, 1024} {
		l := &Layout{}
		for i := range n {
			l.Keys = append(l.Keys, Key{Family: VCPUSeconds, Device: strconv.Itoa(i)})
		}
		for i := range n + 1 {
			want := i
			if i == n {
				want = -1
			}
			if got := l.Index(Key{Family: VCPUSeconds, Device: strconv.Itoa(i)}); got != want {
				t.Errorf("of %d series, number %d is at %d", n, i, got)
			}
			if got := l.Index(Key{Family: VCPUDelaySeconds, Device: strconv.Itoa(i)}); got != -1 {
				t.Errorf("of %d series, one of another family is at %d", n, got)
			}
		}
	}
}

// BenchmarkIndex looks for each series of a layout in another one, as when a
// guest's filesystems change.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{20, 1024, 12 * 1024} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var keys []Key
			for i := range n {
				keys = append(keys, Key{Family: FilesystemUsedBytes, Device: "/mnt/" + strconv.Itoa(i)})
			}
			for b.Loop() {
				l := &Layout{Keys: keys}
				for _, s := range keys {
					l.Index(s)
				}
			}
		})
	}
}
