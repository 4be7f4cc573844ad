SELECT
    toDate(at) AS day, subject, mode, platform,
    sumState(toUInt8(event = 'started')) AS started, sumState(toUInt8(event = 'finished')) AS finished,
    sumState(toUInt8(event = 'finished' AND reason = 'complete')) AS complete,
    maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND event IN ('started', 'finished')
GROUP BY day, subject, mode, platform
