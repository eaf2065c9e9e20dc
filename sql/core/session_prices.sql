-- Grain: one row per symbol and NYSE session, from the symbol's first session on. Crypto is aligned by date.
-- Key: symbol, session.
-- Why here: correlations and trend gaps need every symbol on one calendar. A return spans consecutive sessions or is null,
-- so a day missing at the source never turns into a two-day return beside a one-day return.
with first_sessions as (
    select
        symbol,
        min(date) as first_date
    from core.daily_prices
    where return_price is not null
    group by symbol
),

calendar as (
    select
        f.symbol,
        s.session,
        s.session_number
    from core.sessions as s
    inner join first_sessions as f on s.session >= f.first_date
),

aligned as (
    select
        c.symbol,
        c.session,
        c.session_number,
        p.return_price
    from calendar as c
    left join core.daily_prices as p on c.symbol = p.symbol and c.session = p.date
)

select
    symbol,
    session,
    session_number,
    return_price,
    ln(return_price / lag(return_price) over (partition by symbol order by session)) as log_return
from aligned
