SELECT
    toMonday(at) AS week, user, sumState(toUInt8(event = 'answered')) AS answers, maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND event IN ('started', 'answered')
GROUP BY week, user
