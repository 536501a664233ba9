/* Viterbi and the probabilities of spans: what model/tagger/crf.py and span_posteriors.py compute.

   In doubles, as there. Tags are padded to a multiple of DOUBLES: transitions to padded tags are
   -inf, weights from and to them 0. Sentences lie end to end, each row of emissions `stride` apart. */

/* The most probable tags: Viterbi. scores: (longest, padded) scratch; found: (token,). */
void NAME(decode)(const float *emissions, int stride, const int32_t *lengths, int64_t sentences,
                  const double *start, const double *transitions, const double *end, int tags, int padded,
                  double *scores, int32_t *found) {
    for (int64_t sentence = 0; sentence < sentences; sentence++) {
        int size = lengths[sentence];
        for (int tag = 0; tag < padded; tag++) scores[tag] = tag < tags ? emissions[tag] + start[tag] : -INFINITY;
        for (int t = 1; t < size; t++) {
            const double *before = scores + (int64_t)(t - 1) * padded;
            double *now = scores + (int64_t)t * padded;
            for (int block = 0; block < padded; block += DOUBLES) {
                doubles best = before[0] + load_doubles(transitions + block);
                for (int from = 1; from < tags; from++)
                    best = larger(before[from] + load_doubles(transitions + (int64_t)from * padded + block), best);
                store_doubles(now + block, best);
            }
            for (int tag = 0; tag < tags; tag++) now[tag] += emissions[(int64_t)t * stride + tag];
        }
        const double *last = scores + (int64_t)(size - 1) * padded;
        int tag = 0;
        for (int other = 1; other < tags; other++)
            if (last[other] + end[other] > last[tag] + end[tag]) tag = other;
        found[size - 1] = tag;
        for (int t = size - 1; t > 0; t--) {
            const double *before = scores + (int64_t)(t - 1) * padded;
            int best = 0;
            for (int from = 1; from < tags; from++)
                if (before[from] + transitions[(int64_t)from * padded + tag] >
                    before[best] + transitions[(int64_t)best * padded + tag])
                    best = from;
            found[t - 1] = tag = best;
        }
        emissions += (int64_t)size * stride;
        found += size;
    }
}

/* A row of scores times a matrix of weights, (padded,) each. */
INLINE void multiplied(const double *scores, const double *weights, int tags, int padded, double *result) {
    for (int block = 0; block < padded; block += DOUBLES) {
        doubles sum = {0};
        for (int from = 0; from < tags; from++)
            sum += scores[from] * load_doubles(weights + (int64_t)from * padded + block);
        store_doubles(result + block, sum);
    }
}

INLINE double largest_of(const double *values, int count) {
    double most = values[0];
    for (int n = 1; n < count; n++) most = values[n] > most ? values[n] : most;
    return most;
}

/* The probabilities of spans, and which of them lie in sentences whose scores are too far apart.

   into, onto: (tag, padded) exp of the transitions, by the tag before and by the tag after; start,
   end: exp, (padded,); reachable: (steps, tag), the last for all that follow; start_token, end_token,
   label: (span,), in order; begin, inside, last, single: (label,) tags; smallest: as in
   span_posteriors.py; alpha, beta, emitted: (longest, padded) scratch. */
void NAME(posteriors)(const float *emissions, int stride, const int32_t *lengths, int64_t sentences,
                      const double *start, const double *into, const double *onto, const double *end,
                      int tags, int padded, const uint8_t *reachable, int steps, const int64_t *start_token,
                      const int64_t *end_token, const int64_t *label, int64_t spans, const int32_t *begin,
                      const int32_t *inside, const int32_t *last, const int32_t *single, double smallest,
                      double *alpha, double *beta, double *emitted, double *found, uint8_t *doubtful) {
    int64_t first = 0, span = 0;
    for (int64_t sentence = 0; sentence < sentences && span < spans; sentence++) {
        int size = lengths[sentence];
        if (start_token[span] >= first + size) {
            first += size;
            continue;
        }
        int doubt = 0;
        for (int t = 0; t < size; t++) {
            const float *row = emissions + (first + t) * stride;
            double *now = emitted + (int64_t)t * padded, *ahead = alpha + (int64_t)t * padded;
            for (int tag = 0; tag < padded; tag++) now[tag] = tag < tags ? row[tag] : -INFINITY;
            double most = largest_of(now, tags);
            for (int block = 0; block < padded; block += DOUBLES)
                store_doubles(now + block, exp_of(load_doubles(now + block) - most));
            if (t)
                multiplied(ahead - padded, into, tags, padded, ahead);
            for (int block = 0; block < padded; block += DOUBLES)
                store_doubles(ahead + block, load_doubles((t ? ahead : start) + block) * load_doubles(now + block));
            double largest = largest_of(ahead, tags);
            for (int block = 0; block < padded; block += DOUBLES) {
                store_doubles(ahead + block, load_doubles(ahead + block) / largest);
                store_doubles(now + block, load_doubles(now + block) / largest);
            }
            const uint8_t *reached = reachable + (int64_t)(t < steps ? t : steps - 1) * tags;
            for (int tag = 0; tag < tags; tag++) doubt |= reached[tag] && !(ahead[tag] > smallest);
        }
        double z = 0;
        for (int tag = 0; tag < tags; tag++) z += alpha[(int64_t)(size - 1) * padded + tag] * end[tag];
        doubt |= !(z > smallest);
        memcpy(beta + (int64_t)(size - 1) * padded, end, sizeof(double) * padded);
        double *product = beta + (int64_t)size * padded;
        for (int t = size - 1; t > start_token[span] - first; t--) {
            for (int block = 0; block < padded; block += DOUBLES)
                store_doubles(product + block, load_doubles(emitted + (int64_t)t * padded + block) *
                                                   load_doubles(beta + (int64_t)t * padded + block));
            multiplied(product, onto, tags, padded, beta + (int64_t)(t - 1) * padded);
            for (int tag = 0; tag < tags; tag++) doubt |= !isfinite(beta[(int64_t)(t - 1) * padded + tag]);
        }
        for (; span < spans && start_token[span] < first + size; span++) {
            int from = (int)(start_token[span] - first), to = (int)(end_token[span] - first);
            int own = (int)label[span], tag = to - from > 1 ? begin[own] : single[own];
            double score = alpha[(int64_t)from * padded + tag];
            for (int t = from + 1; t < to; t++) {
                int next = t < to - 1 ? inside[own] : last[own];
                score *= into[(int64_t)tag * padded + next] * emitted[(int64_t)t * padded + next];
                tag = next;
            }
            double leave = to == size ? end[tag] : 0;
            for (int next = 0; to < size && next < tags; next++)
                if (next != inside[own])
                    leave += into[(int64_t)tag * padded + next] * emitted[(int64_t)to * padded + next] *
                             beta[(int64_t)to * padded + next];
            score = score * leave / z;
            found[span] = score > 1 ? 1 : score;
            doubtful[span] = (uint8_t)doubt;
        }
        first += size;
    }
}
