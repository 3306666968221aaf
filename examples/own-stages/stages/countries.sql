-- Customers, orders and revenue of each segment in each country, the largest first.
CREATE TABLE countries AS
SELECT
    segment,
    segment_name,
    coalesce(country, 'unknown') AS country,
    count(DISTINCT customer_id) AS customers,
    count(DISTINCT invoice) AS orders,
    sum(amount)::DECIMAL(18, 2) AS revenue
FROM orders
JOIN assignments USING (customer_id)
GROUP BY ALL
HAVING count(DISTINCT invoice) >= getvariable('at_least_orders')
ORDER BY segment, revenue DESC, country;

COPY (FROM countries) TO (getvariable('output_countries')) (FORMAT parquet);
COPY (FROM countries) TO (getvariable('output_report')) (FORMAT csv, HEADER);
