/* The recurrence and the dense layer: what model/tagger/emissions.py computes, and says why.

   Sentences advance side by side, as many as have room in registers with all four gates of a block
   of units: the recurrent weights are read once for all of them, and nothing but states is stored. */

#if WIDTH == 16
#define ROWS 6 /* sentences: 24 of 32 registers */
#elif WIDTH == 8
#define ROWS 3 /* 12 of 16 */
#else
#define ROWS 2 /* 8 of 16 */
#endif

/* One step of `count` sentences, a constant wherever this is inlined: inputs of gates in, states out.

   inputs, recurrent: by blocks of WIDTH units, and within one by gates i, f, o and the candidate;
   states are twice the hidden state, as there. */
INLINE void step(int count, const float *const *inputs, const float *before, float *after, float *cells,
                 const float *recurrent, int units) {
    for (int block = 0; block < units; block += WIDTH) {
        floats gates[ROWS][4];
        UNROLL for (int row = 0; row < count; row++)
            UNROLL for (int gate = 0; gate < 4; gate++)
                gates[row][gate] = load(inputs[row] + 4 * block + gate * WIDTH);
        const float *weights = recurrent + (int64_t)4 * block * units;
        for (int unit = 0; unit < units; unit++, weights += 4 * WIDTH) {
            floats w0 = load(weights), w1 = load(weights + WIDTH);
            floats w2 = load(weights + 2 * WIDTH), w3 = load(weights + 3 * WIDTH);
            UNROLL for (int row = 0; row < count; row++) {
                floats state = all(before[row * units + unit]);
                gates[row][0] += state * w0;
                gates[row][1] += state * w1;
                gates[row][2] += state * w2;
                gates[row][3] += state * w3;
            }
        }
        UNROLL for (int row = 0; row < count; row++) {
            floats in = tanh_of(gates[row][0]), forget = tanh_of(gates[row][1]);
            floats out = tanh_of(gates[row][2]), candidate = tanh_of(gates[row][3]);
            float *cell = cells + row * units + block;
            floats kept = 0.5f * ((forget + 1) * load(cell) + (in + 1) * candidate);
            store(cell, kept);
            store(after + row * units + block, (out + 1) * tanh_of(kept));
        }
    }
}

/* What the states of `count` sentences say of their tokens: added to the bias where there is one, else to
   what is there; nothing where `emissions` is NULL. */
INLINE void emit_states(int count, const float *states, const float *dense, const float *bias,
                        float *const *emissions, int units, int tags) {
    for (int block = 0; block < tags; block += WIDTH) {
        floats sums[ROWS];
        UNROLL for (int row = 0; row < count; row++)
            sums[row] = bias ? load(bias + block) : emissions[row] ? load(emissions[row] + block) : all(0);
        for (int unit = 0; unit < units; unit++) {
            floats weights = load(dense + (int64_t)unit * tags + block);
            UNROLL for (int row = 0; row < count; row++) sums[row] += all(states[row * units + unit]) * weights;
        }
        UNROLL for (int row = 0; row < count; row++)
            if (emissions[row]) store(emissions[row] + block, sums[row]);
    }
}

#define CASE(count) \
    case count: \
        step(count, inputs, before, after, cells, recurrent, units); \
        emit_states(count, after, dense, bias, emissions, units, tags); \
        break;

static void advance(int count, const float *const *inputs, const float *before, float *after, float *cells,
                    const float *recurrent, const float *dense, const float *bias, float *const *emissions,
                    int units, int tags) {
    switch (count) {
        CASE(1) CASE(2)
#if ROWS > 2
        CASE(3)
#endif
#if ROWS > 3
        CASE(4) CASE(5) CASE(6)
#endif
    }
}

/* What the convolution finds in the characters of words: the largest value of each filter.

   parts: (width, character, filter) what a character adds from each place that a filter spans;
   characters: (word, longest), padded right with 0; bias: (filter,); found: (word, filter). Filters
   are a multiple of WIDTH; of padding, and before and behind, nothing is added. */
void NAME(convolve)(const float *parts, int width, int64_t kinds, const int32_t *characters, int64_t words,
                    int64_t longest, const float *bias, int filters, float *found) {
    int ahead = (width - 1) / 2;
    for (int64_t word = 0; word < words; word++, characters += longest, found += filters) {
        int64_t size = longest;
        while (size && !characters[size - 1]) size--;
        for (int block = 0; block < filters; block += WIDTH) {
            floats most = all(0); /* what is below 0 counts as 0 */
            for (int64_t at = 0; at < size; at++) {
                floats sum = load(bias + block);
                for (int place = 0; place < width; place++) {
                    int64_t other = at + place - ahead;
                    if (other >= 0 && other < size)
                        sum += load(parts + (place * kinds + characters[other]) * filters + block);
                }
                most = chosen(sum > most, sum, most);
            }
            store(found + block, most);
        }
    }
}

/* Rows of the table: features of words times the weights, which lie by blocks of 4 * WIDTH outputs.

   features: (word, feature); weights: (block, feature, 4 * WIDTH); bias: (output,); positions: (word,). */
void NAME(project)(const float *features, int64_t words, int size, const float *weights, const float *bias,
                   int outputs, const int32_t *positions, float *table) {
    for (int64_t word = 0; word < words; word += ROWS) {
        int count = words - word < ROWS ? (int)(words - word) : ROWS;
        const float *inputs[ROWS]; /* of a row that is too many, those of the first */
        for (int row = 0; row < ROWS; row++) inputs[row] = features + (word + (row < count ? row : 0)) * size;
        for (int block = 0; block < outputs; block += 4 * WIDTH) {
            floats sums[ROWS][4];
            UNROLL for (int row = 0; row < ROWS; row++)
                UNROLL for (int part = 0; part < 4; part++) sums[row][part] = load(bias + block + part * WIDTH);
            const float *own = weights + (int64_t)block * size;
            for (int feature = 0; feature < size; feature++, own += 4 * WIDTH) {
                floats w0 = load(own), w1 = load(own + WIDTH);
                floats w2 = load(own + 2 * WIDTH), w3 = load(own + 3 * WIDTH);
                UNROLL for (int row = 0; row < ROWS; row++) {
                    floats value = all(inputs[row][feature]);
                    sums[row][0] += value * w0;
                    sums[row][1] += value * w1;
                    sums[row][2] += value * w2;
                    sums[row][3] += value * w3;
                }
            }
            for (int row = 0; row < count; row++)
                for (int part = 0; part < 4; part++)
                    store(table + (int64_t)positions[word + row] * outputs + block + part * WIDTH, sums[row][part]);
        }
    }
}

/* The emissions of the kept tokens of windows, longest first: what both directions say of them.

   table: (word, direction, 4 * units) inputs of gates; words: (window, time) numbers of words, whose
   `positions` are places in it, and which are `known` or not; unknown: (token,) is set; lengths, first, keep_from, keep_to: (window,), as in a Bucket; recurrent:
   (direction, block, unit, 4 * WIDTH); dense: (direction, unit, tag); bias: (tag,); emissions:
   (token, tag); scratch: (3, group, unit). Units and tags are multiples of WIDTH. */
void NAME(emit)(const float *table, const int32_t *positions, const uint8_t *known, const int32_t *words,
                int64_t windows, int64_t time, const int32_t *lengths, const int32_t *first,
                const int32_t *keep_from, const int32_t *keep_to, const float *recurrent, const float *dense,
                const float *bias, float *emissions, uint8_t *unknown, int units, int tags, float *scratch, int group) {
    float *before = scratch, *after = before + group * units, *cells = after + group * units;
    for (int64_t begin = 0; begin < windows; begin += group)
        for (int direction = 0; direction < 2; direction++) {
            int alive = windows - begin < group ? (int)(windows - begin) : group;
            memset(before, 0, sizeof(float) * alive * units);
            memset(cells, 0, sizeof(float) * alive * units);
            for (int t = 0; t < lengths[begin]; t++) {
                while (lengths[begin + alive - 1] <= t) alive--;
                for (int row = 0; row < alive; row += ROWS) {
                    int count = alive - row < ROWS ? alive - row : ROWS;
                    const float *inputs[ROWS];
                    float *outputs[ROWS];
                    for (int n = 0; n < count; n++) {
                        int64_t window = begin + row + n;
                        int at = direction ? lengths[window] - 1 - t : t;
                        int32_t word = words[window * time + at];
                        inputs[n] = table + ((int64_t)2 * positions[word] + direction) * 4 * units;
                        int kept = at >= keep_from[window] && at < keep_to[window];
                        int64_t token = (int64_t)first[window] + at;
                        outputs[n] = kept ? emissions + token * tags : NULL;
                        if (kept) unknown[token] = !known[word];
                    }
                    advance(count, inputs, before + row * units, after + row * units, cells + row * units,
                            recurrent + (int64_t)direction * 4 * units * units,
                            dense + (int64_t)direction * units * tags, direction ? NULL : bias, outputs, units,
                            tags);
                }
                float *swapped = before;
                before = after;
                after = swapped;
            }
        }
}
