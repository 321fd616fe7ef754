// Package series is the vocabulary of samples: the families of series that we
// read, and the layout of a VMI's values. Decoders write samples in
// it, and those who keep and compute read them. It knows neither responses nor time.
package series
