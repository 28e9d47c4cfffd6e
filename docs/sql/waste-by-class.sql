-- What was set aside and not asked for, by cache, or by the power of two that holds the size.
WITH allocations AS (
  SELECT
    COALESCE(cache, CONCAT('up to ', CAST(CAST(POWER(2, CEIL(LN(requested_bytes) / LN(2))) AS BIGINT) AS VARCHAR(20)))) AS class,
    requested_bytes,
    allocated_bytes
  FROM events
  WHERE requested_bytes > 0 AND family = 'objects'
)
SELECT
  class,
  COUNT(*) AS allocations,
  SUM(requested_bytes) AS requested_bytes,
  SUM(allocated_bytes - requested_bytes) AS wasted_bytes
FROM allocations
GROUP BY class
ORDER BY wasted_bytes DESC, requested_bytes DESC, class
