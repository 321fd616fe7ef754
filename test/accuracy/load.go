package main

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// A load is what a guest of one vCPU does, in pieces in which it changes linearly
// from one level to another. Levels are from 0 to 1.
type load struct {
	ends []time.Duration
	work []float64 // CPU seconds until ends[i].
	from []float64 // Level at the begin of piece i.
	to   []float64 // Level at its end.
}

func (l *load) add(length time.Duration, from, to float64) {
	end, work := length, 0.0
	if n := len(l.ends); n > 0 {
		end, work = end+l.ends[n-1], l.work[n-1]
	}
	l.ends = append(l.ends, end)
	l.work = append(l.work, work+length.Seconds()*(from+to)/2)
	l.from, l.to = append(l.from, from), append(l.to, to)
}

// A cursor computes the work of a load, fast for times that are about in order.
type cursor struct {
	*load
	i int
}

// until returns the CPU seconds that the guest has used until a time.
func (c *cursor) until(t time.Duration) float64 {
	if t <= 0 {
		return t.Seconds() * c.from[0]
	}
	for c.i > 0 && t <= c.ends[c.i-1] {
		c.i--
	}
	for t > c.ends[c.i] {
		c.i++
	}
	begin, work := time.Duration(0), 0.0
	if c.i > 0 {
		begin, work = c.ends[c.i-1], c.work[c.i-1]
	}
	length, since := (c.ends[c.i] - begin).Seconds(), (t - begin).Seconds()
	slope := (c.to[c.i] - c.from[c.i]) / length
	return work + since*(c.from[c.i]+slope*since/2)
}

// mean is the load's true mean between two times, in percent.
func (c *cursor) mean(from, to time.Duration) float64 {
	return 100 * (c.until(to) - c.until(from)) / (to - from).Seconds()
}

// A kind makes a load for a world of some length.
type kind struct {
	name string
	make func(random *rand.Rand, length time.Duration) *load
}

var constant = kind{"constant", func(_ *rand.Rand, length time.Duration) *load {
	l := &load{}
	l.add(length, 0.5, 0.5)
	return l
}}

// square is 25 and 75 % in turn.
func square(period time.Duration) kind {
	return halves("square", period, [2]float64{0.75, 0.75}, [2]float64{0.25, 0.25})
}

// ramp rises from 20 to 80 % and falls again.
func ramp(period time.Duration) kind {
	return halves("ramp", period, [2]float64{0.2, 0.8}, [2]float64{0.8, 0.2})
}

// halves is a load whose period has two halves, each from one value to another. It
// begins at the end of the second for a random time.
func halves(name string, period time.Duration, first, second [2]float64) kind {
	return kind{name + " " + short(period), func(random *rand.Rand, length time.Duration) *load {
		l := &load{}
		l.add(1+rand64(random, period), second[1], second[1])
		for l.ends[len(l.ends)-1] < length {
			l.add(period/2, first[0], first[1])
			l.add(period/2, second[0], second[1])
		}
		return l
	}}
}

// bursts are full load for a time of random length, and 20 % for three times as
// long.
func bursts(mean time.Duration) kind {
	return kind{"bursts " + short(mean), func(random *rand.Rand, length time.Duration) *load {
		l := &load{}
		for len(l.ends) == 0 || l.ends[len(l.ends)-1] < length {
			l.add(1+time.Duration(random.ExpFloat64()*3*float64(mean)), 0.2, 0.2)
			l.add(1+time.Duration(random.ExpFloat64()*float64(mean)), 1, 1)
		}
		return l
	}}
}

// walk is a new level from 10 to 90 % after random times.
func walk(mean time.Duration) kind {
	return kind{"steps " + short(mean), func(random *rand.Rand, length time.Duration) *load {
		l := &load{}
		for len(l.ends) == 0 || l.ends[len(l.ends)-1] < length {
			level := 0.1 + 0.8*random.Float64()
			l.add(1+time.Duration(random.ExpFloat64()*float64(mean)), level, level)
		}
		return l
	}}
}

// noise is a new level from 40 to 60 % each second.
var noise = kind{"noise", func(random *rand.Rand, length time.Duration) *load {
	l := &load{}
	for len(l.ends) == 0 || l.ends[len(l.ends)-1] < length {
		level := 0.4 + 0.2*random.Float64()
		l.add(time.Second, level, level)
	}
	return l
}}

// rest is how long a load stays where it is before and after a step of which the
// reaction is measured.
const rest = 150 * time.Second

// steps go from 50 to 100 % and back.
var steps = kind{"step", func(random *rand.Rand, length time.Duration) *load {
	l := &load{}
	for len(l.ends) == 0 || l.ends[len(l.ends)-1] < length {
		l.add(rest+rand64(random, rest/4), 0.5, 0.5)
		l.add(rest+rand64(random, rest/4), 1, 1)
	}
	return l
}}

func short(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s" }
