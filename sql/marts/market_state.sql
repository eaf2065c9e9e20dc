-- Grain: one row per symbol and day with a price, once there is a close. Level, record and distance from it.
-- Key: symbol, session.
-- Why in SQL: running records and trailing windows are what window functions are for. A day without an unadjusted close keeps
-- its row, what is not known on it is null and `missing` says why. Spans count day numbers, so that a missing day does not
-- stretch them. The deviation is taken over a list because a windowed sum of floats may come out differently, in its last
-- digits, from run to run.
with daily as (
    select
        p.symbol,
        p.date as session,
        p.day_number,
        p.close,
        p.return_price,
        s.frequency,
        s.record_before,
        s.record_before_date,
        greatest(p.high, p.close) as high,
        least(p.low, p.close) as low,
        nullif(
            concat_ws(
                ', ',
                case when p.close is null then 'close' end,
                case when p.high is null then 'high' end,
                case when p.return_price is null and s.price <> 'close' then s.price end
            ),
            ''
        ) as missing,
        min(p.date) over (partition by p.symbol) > coalesce(s.data_begin, date '1900-01-01') + 7 as begins_late,
        any_value(p.return_price) over yesterday as previous_price,
        any_value(p.return_price) over a_month_ago as price_21d_ago,
        any_value(p.return_price) over a_quarter_ago as price_63d_ago,
        any_value(p.return_price) over a_year_ago as price_252d_ago
    from core.daily_prices as p
    inner join core.symbols as s on p.symbol = s.id
    where p.close is not null or p.return_price is not null
    window
        yesterday as (partition by p.symbol order by p.day_number range between 1 preceding and 1 preceding),
        a_month_ago as (partition by p.symbol order by p.day_number range between 21 preceding and 21 preceding),
        a_quarter_ago as (partition by p.symbol order by p.day_number range between 63 preceding and 63 preceding),
        a_year_ago as (partition by p.symbol order by p.day_number range between 252 preceding and 252 preceding)
),

returns as (
    select
        *,
        return_price / previous_price - 1 as return_1d
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
        r.*,
        b.day_number as day_number_before,
        max(case when r.is_record_close then r.session end) over so_far as own_record_session,
        max(case when r.is_record_close then r.day_number end) over so_far as own_record_day_number
    from records as r
    left join record_days_before as b on r.symbol = b.id
    where r.record_close is not null
    window so_far as (partition by r.symbol order by r.session rows unbounded preceding)
),

unseen as (
    select
        *,
        close / record_close - 1 as drawdown,
        max(case when close is null then return_price end) over since_record
        > max(case when session = own_record_session then return_price end) over since_record as may_have_passed
    from dated_records
    window since_record as (partition by symbol, own_record_session order by session rows unbounded preceding)
)

select
    u.symbol,
    u.session,
    u.close,
    u.high,
    u.low,
    u.return_1d,
    u.record_close,
    coalesce(u.own_record_session, u.record_before_date) as record_session,
    u.record_high,
    u.is_record_close,
    u.drawdown,
    u.close / u.record_high - 1 as drawdown_from_high,
    u.drawdown <= -s.far_below_record as is_far_below_record,
    (1 - s.far_below_record) * u.record_close as far_below_record_at,
    u.day_number - coalesce(u.own_record_day_number, u.day_number_before) as sessions_since_record,
    u.begins_late
    or coalesce(u.record_close <= s.record_below, false)
    or coalesce(u.may_have_passed, false) as record_is_censored,
    u.volatility_30d_annualized,
    u.return_price / u.price_21d_ago - 1 as momentum_21d,
    u.return_price / u.price_63d_ago - 1 as momentum_63d,
    u.return_price / u.price_252d_ago - 1 as momentum_252d,
    u.missing
from unseen as u
inner join core.symbols as s on u.symbol = s.id
