package exposition

// powers are the powers of ten that a float64 holds exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// plainNumber parses what most values are: up to 15 digits with perhaps a point
// and an exponent of two digits. Both the digits and the power of ten are exact
// float64s then, so that one operation gives the correctly rounded value. It is
// not ok for anything else, which strconv knows.
func plainNumber(b []byte) (value float64, ok bool) {
	var digits, count, afterPoint int
	point := false
	i := 0
	for ; i < len(b) && (isDigit(b[i]) || b[i] == '.' && !point); i++ {
		if b[i] == '.' {
			point = true
			continue
		}
		digits = 10*digits + int(b[i]-'0')
		if count++; point {
			afterPoint++
		}
	}
	if count == 0 || count > 15 {
		return 0, false
	}
	exponent, ok := plainExponent(b[i:])
	exponent -= afterPoint
	switch {
	case !ok || exponent < -22 || exponent > 22:
		return 0, false
	case exponent < 0:
		return float64(digits) / powers[-exponent], true
	default:
		return float64(digits) * powers[exponent], true
	}
}

// plainExponent parses an exponent such as e+06, or none.
func plainExponent(b []byte) (exponent int, ok bool) {
	switch {
	case len(b) == 0:
		return 0, true
	case len(b) != 4 || b[0] != 'e' || !isDigit(b[2]) || !isDigit(b[3]):
		return 0, false
	}
	exponent = 10*int(b[2]-'0') + int(b[3]-'0')
	switch b[1] {
	case '+':
		return exponent, true
	case '-':
		return -exponent, true
	default:
		return 0, false
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
