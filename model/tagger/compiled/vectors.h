/* Vectors of WIDTH floats, or of half as many doubles, and the functions that the tagger needs of them.

   GCC and Clang turn operators on these types into the instructions of the set they compile for. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define UNROLL _Pragma("GCC unroll 8")
#define INLINE static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
typedef int32_t ints __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
typedef double doubles __attribute__((vector_size(WIDTH * 4), aligned(8), may_alias));
typedef int64_t longs __attribute__((vector_size(WIDTH * 4), aligned(8), may_alias));
enum { DOUBLES = WIDTH / 2 };

INLINE floats load(const float *from) { return *(const floats *)from; }
INLINE void store(float *to, floats value) { *(floats *)to = value; }
INLINE floats all(float value) { return value - (floats){0}; }

INLINE doubles load_doubles(const double *from) { return *(const doubles *)from; }
INLINE void store_doubles(double *to, doubles value) { *(doubles *)to = value; }

INLINE floats chosen(ints where, floats yes, floats no) {
    return (floats)(((ints)yes & where) | ((ints)no & ~where));
}
INLINE doubles larger(doubles a, doubles b) {
    longs where = a > b;
    return (doubles)(((longs)a & where) | ((longs)b & ~where));
}

/* tanh as a quotient of polynomials, right to 3e-7; beyond 7.9 it is 1 in this precision. */
INLINE floats tanh_of(floats x) {
    const floats most = all(7.90531110763549805f);
    x = chosen(x > most, most, chosen(x < -most, -most, x));
    floats square = x * x;
    floats above = square * -2.76076847742355e-16f + 2.00018790482477e-13f;
    above = square * above - 8.60467152213735e-11f;
    above = square * above + 5.12229709037114e-08f;
    above = square * above + 1.48572235717979e-05f;
    above = square * above + 6.37261928875436e-04f;
    above = square * above + 4.89352455891786e-03f;
    floats below = square * 1.19825839466702e-06f + 1.18534705686654e-04f;
    below = square * below + 2.26843463243900e-03f;
    below = square * below + 4.89352518554385e-03f;
    return x * above / below;
}

/* exp of a number up to 0, right to 2e-16 of its value; 0 below -708. No number stays none. */
INLINE doubles exp_of(doubles x) {
    const double magic = 6755399441055744.0; /* 1.5 * 2**52: what is added to it is rounded */
    longs gone = x < -708.0;
    x = (doubles)((longs)x & ~gone);
    doubles shifted = x * 1.4426950408889634 + magic;
    doubles power = shifted - magic;
    doubles rest = x - power * 6.93147180369123816490e-01 - power * 1.90821492927058770002e-10;
    doubles sum = rest * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
    sum = sum * rest + 1.0 / 39916800.0;
    sum = sum * rest + 1.0 / 3628800.0;
    sum = sum * rest + 1.0 / 362880.0;
    sum = sum * rest + 1.0 / 40320.0;
    sum = sum * rest + 1.0 / 5040.0;
    sum = sum * rest + 1.0 / 720.0;
    sum = sum * rest + 1.0 / 120.0;
    sum = sum * rest + 1.0 / 24.0;
    sum = sum * rest + 1.0 / 6.0;
    sum = sum * rest + 0.5;
    sum = sum * rest + 1.0;
    sum = sum * rest + 1.0;
    longs scale = ((longs)shifted + 1023) << 52;
    doubles value = sum * (doubles)scale;
    return (doubles)((longs)value & ~gone);
}
