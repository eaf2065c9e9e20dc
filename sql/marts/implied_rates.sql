-- Grain: one row per day and fed funds contract that has not expired. The average rate it expects of its month.
-- Key: observed_on, delivery_month.
-- Why here: one contract needs no model. Where a hole in the curve ends the path of meetings, the months beyond it still
-- say which level markets expect.
with effective_rate as (
    select
        available_on,
        max_by(value, date) as rate_pct
    from core.macro_series
    where series_id = 'DFF'
    group by available_on
)

select
    f.date as observed_on,
    f.delivery_month,
    datediff('month', f.date, f.delivery_month) as months_ahead,
    f.settlement,
    100 - f.settlement as implied_rate_pct,
    e.rate_pct as effective_rate_pct,
    round(100 * (100 - f.settlement - e.rate_pct), 6) as implied_change_bp
from known.futures_settlements as f
asof inner join effective_rate as e on f.date >= e.available_on
where f.root = 'ZQ' and f.date <= getvariable('as_of') and f.delivery_month >= date_trunc('month', f.date)
