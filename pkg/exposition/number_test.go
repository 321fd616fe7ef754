package exposition

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestPlainNumbersAreWhatStrconvMakesOfThem(t *testing.T) {
	check := func(text string) {
		t.Helper()
		got, ok := plainNumber([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if ok && (err != nil || got != want) {
			t.Errorf("%q is %v, want %v, %v", text, got, want, err)
		}
	}
	for _, text := range []string{
		"0", "7", "007", "0.477558224", "1.", ".5", ".", "", "1.2.3", "1e+06", "1.016718e+06", "4.194304e+09", "1e-07",
		"1e+22", "1e+23", "999999999999999", "9999999999999999", "1e6", "1E+06", "1e+6", "1e+006", "e+06", "-1", "+1", "NaN", "+Inf", "1_0", "0x1p-2", "1e+0x",
	} {
		check(text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := random.Float64() * powers[random.IntN(len(powers))]
		check(strconv.FormatFloat(v, 'g', 1+random.IntN(17), 64))
		check(strconv.FormatFloat(v, 'f', random.IntN(10), 64))
	}
	if v, ok := plainNumber([]byte("1.016718e+06")); !ok || v != 1016718 {
		t.Errorf("1.016718e+06 is %v, %v", v, ok)
	}
}
