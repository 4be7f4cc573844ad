SELECT
    contest, subject, toDate(at) AS day,
    uniqExactState(user) AS users,
    sumState(toUInt8(event = 'started')) AS started, sumState(toUInt8(event = 'finished')) AS finished,
    sumState(toUInt64(length(scores))) AS answers, sumState(arraySum(scores)) AS score,
    sumMapState(
        [toUInt8(if(length(scores) = 0, 0, floor(10 * arraySum(scores) / length(scores) + 1e-9)))],
        [toUInt32(event = 'finished')]
    ) AS tenths,
    maxState(position) AS upto
FROM activity
WHERE position > {after} AND position <= {upto} AND contest != 0 AND event IN ('started', 'finished')
GROUP BY contest, subject, day
