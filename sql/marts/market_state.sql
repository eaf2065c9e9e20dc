-- Grain: one row per symbol and day with a close. Level, record and distance from it.
-- Key: symbol, session.
-- Why in SQL: running records and trailing windows are what window functions are for. Returns are taken before days
-- without an unadjusted close are left out, so that a gap in closes does not stretch a one-day return. The deviation is taken
-- over a list because a windowed sum of floats may come out differently, in its last digits, from run to run.
with daily as (
    select
        p.symbol,
        p.date as session,
        p.day_number,
        p.close,
        greatest(p.high, p.close) as high,
        p.return_price,
        s.frequency,
        s.record_before,
        s.record_before_date,
        s.record_is_censored,
        lag(p.day_number) over days as previous_day_number,
        lag(p.return_price) over days as previous_price,
        lag(p.return_price, 21) over days as price_21d_ago,
        lag(p.return_price, 63) over days as price_63d_ago,
        lag(p.return_price, 252) over days as price_252d_ago
    from core.daily_prices as p
    inner join core.symbols as s on p.symbol = s.id
    window days as (partition by p.symbol order by p.date)
),

returns as (
    select
        *,
        case when day_number - previous_day_number = 1 then return_price / previous_price - 1 end as return_1d
    from daily
),

volatility as (
    select
        *,
        case
            when count(return_1d) over last_30 = 30
                then
                    list_stddev_samp(list(ln(1 + return_1d)) over last_30)
                    * sqrt(case frequency when 'calendar_day' then 365 else 252 end)
        end as volatility_30d_annualized
    from returns
    window last_30 as (partition by symbol order by session rows between 29 preceding and current row)
),

records as (
    select
        *,
        greatest(max(close) over so_far, record_before) as record_close,
        greatest(max(high) over so_far, record_before) as record_high,
        close > coalesce(greatest(max(close) over before, record_before), 0) as is_record_close
    from volatility
    where close is not null
    window
        so_far as (partition by symbol order by session rows unbounded preceding),
        before as (partition by symbol order by session rows between unbounded preceding and 1 preceding)
),

record_days_before as (
    select
        s.id,
        case s.frequency
            when 'calendar_day' then datediff('day', date '1970-01-01', s.record_before_date)
            else n.session_number
        end as day_number
    from core.symbols as s
    left join core.sessions as n on s.record_before_date = n.session
),

dated_records as (
    select
        records.*,
        coalesce(max(case when is_record_close then session end) over so_far, record_before_date) as record_session,
        coalesce(max(case when is_record_close then records.day_number end) over so_far, before.day_number) as record_day_number
    from records
    left join record_days_before as before on records.symbol = before.id
    window so_far as (partition by records.symbol order by records.session rows unbounded preceding)
)

select
    symbol,
    session,
    close,
    return_1d,
    record_close,
    record_session,
    record_high,
    is_record_close,
    close / record_close - 1 as drawdown,
    close / record_high - 1 as drawdown_from_high,
    day_number - record_day_number as sessions_since_record,
    record_is_censored,
    volatility_30d_annualized,
    return_price / price_21d_ago - 1 as momentum_21d,
    return_price / price_63d_ago - 1 as momentum_63d,
    return_price / price_252d_ago - 1 as momentum_252d
from dated_records
