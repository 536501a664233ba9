/* Which words of a text are the same. */

/* Number words in the order in which they first stand in a text; returns how many distinct ones there are.

   codes: the text's code points; starts, ends: (token,); slots: (size,), -1 each, where size is a
   power of 2 and above the number of tokens; numbers: (token,), and first: (token,), where each
   distinct word first stands, are found. key: unknown to whoever wrote the text, who could else choose
   words that all meet in one slot. */
int64_t NAME(number_words)(const uint32_t *codes, const int64_t *starts, const int64_t *ends, int64_t tokens,
                           uint64_t key, int32_t *slots, int64_t size, int32_t *numbers, int32_t *first) {
    int64_t distinct = 0;
    for (int64_t token = 0; token < tokens; token++) {
        const uint32_t *word = codes + starts[token];
        int64_t length = ends[token] - starts[token];
        uint64_t hash = key;
        for (int64_t n = 0; n < length; n++) {
            hash = (hash ^ word[n]) * 0x9E3779B97F4A7C15u;
            hash ^= hash >> 32;
        }
        int64_t slot = (int64_t)(hash & (uint64_t)(size - 1));
        for (;; slot = (slot + 1) & (size - 1)) {
            int32_t number = slots[slot];
            if (number < 0) {
                first[distinct] = (int32_t)token;
                slots[slot] = numbers[token] = (int32_t)distinct++;
                break;
            }
            int64_t other = first[number];
            if (ends[other] - starts[other] == length && !memcmp(codes + starts[other], word, 4 * (size_t)length)) {
                numbers[token] = number;
                break;
            }
        }
    }
    return distinct;
}
