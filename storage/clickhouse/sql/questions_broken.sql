-- Questions that tell nothing, or the wrong thing, of a student: all of the interval of their correlation with the rest
-- of the training is below 0.1. Where all of it is below 0, the key should be looked at first. By whole months.
SELECT subject, question, given, facility, r AS discrimination, r_low AS low, r_high AS high
FROM (
    SELECT
        subject, question, given, facility, pairs, r,
        0.5 * log((1 + r) / (1 - r)) AS z, 1.959963984540054 / sqrt(pairs - 3) AS reach,
        (exp(2 * (z - reach)) - 1) / (exp(2 * (z - reach)) + 1) AS r_low,
        (exp(2 * (z + reach)) - 1) / (exp(2 * (z + reach)) + 1) AS r_high
    FROM (
        SELECT
            subject, question, given, facility, pairs,
            (sxy - sx * sy / pairs) / sqrt((sxx - sx * sx / pairs) * (syy - sy * sy / pairs)) AS r
        FROM (
            SELECT
                subject, question, toInt64(countMerge(answers)) AS given, sumMerge(score) / given AS facility,
                toInt64(sumMerge(pairs)) AS pairs, sumMerge(x) AS sx, sumMerge(xx) AS sxx,
                sumMerge(y) AS sy, sumMerge(yy) AS syy, sumMerge(xy) AS sxy
            FROM quality
            WHERE month >= toStartOfMonth($__fromTime, 'UTC') AND month <= toDate($__toTime, 'UTC')
            GROUP BY subject, question
        )
        WHERE pairs >= 50 AND sxx - sx * sx / pairs > 1e-9 AND syy - sy * sy / pairs > 1e-9
    )
)
WHERE r_high < 0.1
ORDER BY high, question
LIMIT 50
