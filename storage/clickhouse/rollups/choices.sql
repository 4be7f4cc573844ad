SELECT
    month, subject, question, choice,
    sumMapState([toUInt8(floor(rest * 20 + 1e-9))], [toUInt32(1)]) AS strengths,
    maxState(position) AS upto
FROM (
    SELECT position, month, subject, question, rest, choice
    FROM (
        SELECT
            position, toStartOfMonth(at) AS month, subject, question,
            (total - value) / (size - 1) AS rest, chosen
        FROM (
            SELECT
                position, at, subject, questions, choices, scores,
                length(scores) AS size, arraySum(scores) AS total
            FROM activity
            WHERE position > {after} AND position <= {upto} AND event = 'finished' AND length(scores) > 1
        )
        ARRAY JOIN questions AS question, scores AS value, choices AS chosen
    )
    ARRAY JOIN chosen AS choice
)
GROUP BY month, subject, question, choice
