SELECT
    month, subject, question,
    countState() AS answers, sumState(right) AS correct, sumState(value) AS score,
    sumState(paired) AS pairs, sumState(px) AS x, sumState(px * px) AS xx,
    sumState(py) AS y, sumState(py * py) AS yy, sumState(px * py) AS xy,
    sumMapState([toUInt16(least(3600, greatest(0, floor(time))))], [toUInt32(1)]) AS seconds,
    sumMapState([toUInt8(floor(py * 20 + 1e-9))], [toUInt32(paired)]) AS strengths,
    maxState(position) AS upto
FROM (
    SELECT
        month, subject, question, position, time, value, toUInt8(value >= 1 - 1e-9) AS right,
        toUInt8(size > 1) AS paired,
        if(size > 1, value, 0) AS px, if(size > 1, (total - value) / (size - 1), 0) AS py
    FROM (
        SELECT
            position, toStartOfMonth(at) AS month, subject, question, value, time,
            length(scores) AS size, arraySum(scores) AS total
        FROM (
            SELECT position, at, subject, scores, questions, times
            FROM activity
            WHERE position > {after} AND position <= {upto} AND event = 'finished'
        )
        ARRAY JOIN questions AS question, scores AS value, times AS time
    )
)
GROUP BY month, subject, question
