SELECT
    user, minState(at) AS first, maxState(at) AS last,
    sumState(toUInt8(event = 'answered')) AS answers, sumState(correct) AS correct,
    maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND event IN ('started', 'answered')
GROUP BY user
