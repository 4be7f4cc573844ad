SELECT
    toDate(at) AS day, toUInt8(toHour(at)) AS hour, platform,
    sumState(toUInt8(event = 'answered')) AS answers, uniqExactState(user) AS users,
    maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND event IN ('started', 'answered')
GROUP BY day, hour, platform
