-- Topics: answers, the share of right ones, the mean score, and the median of the seconds that an answer took.
SELECT
    subject, topic, given, share, score,
    steps[place] + (total / 2 - reached[place] + counts[place]) / counts[place] AS seconds
FROM (
    SELECT
        subject, topic, given, share, score, times.1 AS steps, times.2 AS counts,
        arrayCumSum(counts) AS reached, arraySum(counts) AS total,
        arrayFirstIndex(one -> one >= total / 2, reached) AS place
    FROM (
        SELECT
            subject, topic, toInt64(countMerge(answers)) AS given,
            sumMerge(correct) / countMerge(answers) AS share, sumMerge(score) / countMerge(answers) AS score,
            sumMapMerge(seconds) AS times
        FROM learning
        WHERE $__dateFilter(day)
        GROUP BY subject, topic
    )
)
ORDER BY given DESC, subject, topic
