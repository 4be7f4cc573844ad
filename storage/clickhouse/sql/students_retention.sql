-- Of the students whose first training was in one week, how many trained so many weeks later: the last 12 weeks.
SELECT toString(began) AS cohort, toInt64((week - began) / 7) AS weeks_later, count() AS students
FROM (
    SELECT week, user
    FROM weeks
    WHERE week > toMonday($__toTime, 'UTC') - 84 AND week <= toMonday($__toTime, 'UTC')
    GROUP BY week, user
) AS visits
ALL INNER JOIN (
    SELECT user, toMonday(minMerge(first)) AS began
    FROM people
    GROUP BY user
    HAVING began > toMonday($__toTime, 'UTC') - 84
) AS beginnings USING user
GROUP BY began, weeks_later
ORDER BY began, weeks_later
