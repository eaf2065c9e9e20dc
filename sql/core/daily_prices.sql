-- Grain: one row per symbol and day. The final price of the day, as known at the end of the as-of date.
-- Key: symbol, date.
-- Why here: raw keeps every bar an upstream ever sent; after this model there is one price a day, crypto on every UTC day
-- and everything else on NYSE sessions only, and `day_number` tells a missing day from a weekend.
with expected_days as (
    select
        s.session as date,
        'session' as frequency,
        s.session_number as day_number
    from core.sessions as s
    union all
    select
        d.date::date as date,
        'calendar_day' as frequency,
        datediff('day', date '1970-01-01', d.date::date) as day_number
    from generate_series(timestamp '2009-01-03', getvariable('as_of')::timestamp, interval 1 day) as d (date)
)

select
    b.symbol,
    b.date,
    e.day_number,
    b.close,
    b.high,
    case s.price when 'adj_close' then b.adj_close else b.close end as return_price,
    (b.date + s.release_lag_days::integer)::date as available_on
from known.price_bars as b
inner join core.symbols as s on b.symbol = s.id
inner join expected_days as e on b.date = e.date and s.frequency = e.frequency
where b.date + s.release_lag_days::integer <= getvariable('as_of')
