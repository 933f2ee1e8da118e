"""The same two bars of AAPL as different places give them: closes 10.5 and 11.5, volumes 100 and 200."""

from __future__ import annotations

ADJUSTED = {
    "yfinance, one header line": (
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "2022-01-03,9,11,8,10.5,10,100\n"
        "2022-01-04,9,11,8,11.5,11,200\n"
    ),
    "yfinance, three header lines": (
        "Price,Adj Close,Close,High,Low,Open,Volume\n"
        "Ticker,AAPL,AAPL,AAPL,AAPL,AAPL,AAPL\n"
        "Date,,,,,,\n"
        "2022-01-03,10,10.5,11,8,9,100\n"
        "2022-01-04,11,11.5,11,8,9,200\n"
    ),
    "pandas, unnamed index": (
        ",Open,High,Low,Close,Adj Close,Volume\n2022-01-03,9,11,8,10.5,10,100\n2022-01-04,9,11,8,11.5,11,200\n"
    ),
    "pandas, row numbers in front": (
        ",Date,Close,Adj Close,Volume\n0,2022-01-03,10.5,10,100\n1,2022-01-04,11.5,11,200\n"
    ),
    "Tiingo": (
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
        "2022-01-03T00:00:00.000Z,10.5,11,8,9,100,10,1,1,1,100,0.0,1.0\n"
        "2022-01-04T00:00:00.000Z,11.5,11,8,9,200,11,1,1,1,200,0.0,1.0\n"
    ),
    "Alpha Vantage": (
        "timestamp,1. open,2. high,3. low,4. close,5. adjusted close,6. volume,"
        "7. dividend amount,8. split coefficient\n"
        "2022-01-04,9,11,8,11.5,11,200,0.0,1.0\n"
        "2022-01-03,9,11,8,10.5,10,100,0.0,1.0\n"
    ),
    "Sharadar": (
        "ticker,date,open,high,low,close,volume,closeadj,closeunadj,lastupdated\n"
        "AAPL,2022-01-03,9,11,8,10.5,100,10,42,2023-01-01\n"
        "AAPL,2022-01-04,9,11,8,11.5,200,11,46,2023-01-01\n"
    ),
    "EODHD": (
        "Date,Open,High,Low,Close,Adjusted_close,Volume\n"
        "2022-01-03,9,11,8,10.5,10,100\n"
        "2022-01-04,9,11,8,11.5,11,200\n"
    ),
    "tidyquant": "symbol,date,close,volume,adjusted\nAAPL,2022-01-03,10.5,100,10\nAAPL,2022-01-04,11.5,200,11\n",
    "Quandl": "Date,Close,Volume,Adj. Close\n2022-01-03,10.5,100,10\n2022-01-04,11.5,200,11\n",
    "Yahoo's page, read by pandas": (
        "Date,Open,Close Close price adjusted for splits.,Adj Close Adjusted close price adjusted for splits and "
        "dividend and/or capital gain distributions.,Volume\n"
        "2022-01-03,9,10.5,10,100\n"
        "2022-01-04,9,11.5,11,200\n"
    ),
    "quantmod": (
        '"Index","AAPL.Open","AAPL.High","AAPL.Low","AAPL.Close","AAPL.Volume","AAPL.Adjusted"\n'
        '"2022-01-03",9,11,8,10.5,100,10\n'
        '"2022-01-04",9,11,8,11.5,200,11\n'
    ),
    "Adj Close Price": "Date,Close,Adj Close Price,Volume\n2022-01-03,10.5,10,100\n2022-01-04,11.5,11,200\n",
    "Yahoo's page": "Date,Close*,Adj Close**,Volume\n2022-01-03,10.5,10,100\n2022-01-04,11.5,11,200\n",
    "semicolons, decimal commas": (
        "Date;Close;Adj Close;Volume\n2022-01-03;10,5;10,0;100\n2022-01-04;11,5;11,0;200\n"
    ),
    "tabs": "Date\tClose\tAdj Close\tVolume\n2022-01-03\t10.5\t10\t100\n2022-01-04\t11.5\t11\t200\n",
    "pipes": "Date|Close|Adj Close|Volume\n2022-01-03|10.5|10|100\n2022-01-04|11.5|11|200\n",
    "Excel's separator line": (
        "sep=;\nDate;Close;Adj Close;Volume\n2022-01-03;10.5;10;100\n2022-01-04;11.5;11;200\n"
    ),
    "lines before the header": (
        "Downloaded from a page\n\nDate,Close,Adj Close,Volume\n2022-01-03,10.5,10,100\n2022-01-04,11.5,11,200\n"
    ),
    "each line ends in a separator": (
        "Date,Close,Adj Close,Volume\n2022-01-03,10.5,10,100,\n2022-01-04,11.5,11,200,\n"
    ),
    "R's row names": (
        '"date","close","adj_close","volume"\n"1",2022-01-03,10.5,10,100\n"2",2022-01-04,11.5,11,200\n'
    ),
}

PLAIN = {
    "Databento": (
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "2022-01-03T00:00:00.000000000Z,35,2,32,9.0,11.0,8.0,10.5,100,AAPL\n"
        "2022-01-04T00:00:00.000000000Z,35,2,32,9.0,11.0,8.0,11.5,200,AAPL\n"
    ),
    "Polygon": (
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAPL,100,9,10.5,11,8,1641186000000000000,7\n"
        "AAPL,200,9,11.5,11,8,1641272400000000000,7\n"
    ),
    "investing.com, French": (
        '"Date","Dernier","Ouv.","Plus Haut","Plus Bas","Vol.","Variation %"\n'
        '"03/01/2022","10,5","9,0","11,0","8,0","100","0,1%"\n'
        '"14/01/2022","11,5","9,0","11,0","8,0","200","0,1%"\n'
    ),
    "Stooq, Polish": (
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2022-01-03,9,11,8,10.5,100\n2022-01-04,9,11,8,11.5,200\n"
    ),
    "akshare": "日期,开盘,收盘,最高,最低,成交量\n2022-01-03,9,10.5,11,8,100\n2022-01-04,9,11.5,11,8,200\n",
    "Stooq": "Date,Open,High,Low,Close,Volume\n2022-01-03,9,11,8,10.5,100\n2022-01-04,9,11,8,11.5,200\n",
    "Stooq, in bulk": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL,D,20220103,000000,9,11,8,10.5,100,0\n"
        "AAPL,D,20220104,000000,9,11,8,11.5,200,0\n"
    ),
    "Nasdaq.com": (
        "Date,Close/Last,Volume,Open,High,Low\n01/13/2022,$11.50,200,$9,$11,$8\n01/03/2022,$10.50,100,$9,$11,$8\n"
    ),
    "investing.com": (
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"Jan 04, 2022","11.50","9","11","8","0.2K","0.1%"\n'
        '"Jan 03, 2022","10.50","9","11","8","0.1K","0.1%"\n'
    ),
    "investing.com, German": (
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n'
        '"13.01.2022","11,50","9,00","11,00","8,00","0,2K","0,1%"\n'
        '"03.01.2022","10,50","9,00","11,00","8,00","0,1K","0,1%"\n'
    ),
    "Kaggle": (
        "date,open,high,low,close,volume,Name\n"
        "2022-01-03,9,11,8,10.5,100,AAPL\n"
        "2022-01-04,9,11,8,11.5,200,AAPL\n"
    ),
    "DoltHub": (
        "date,act_symbol,open,high,low,close,volume\n"
        "2022-01-03,AAPL,9,11,8,10.5,100\n"
        "2022-01-04,AAPL,9,11,8,11.5,200\n"
    ),
    "MetaTrader 5": (
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2022.01.03\t9\t11\t8\t10.5\t7\t100\t1\n2022.01.04\t9\t11\t8\t11.5\t7\t200\t1\n"
    ),
    "TradingView": (
        "time,open,high,low,close,Volume\n"
        "2022-01-03T16:00:00-05:00,9,11,8,10.5,100\n2022-01-04T16:00:00-05:00,9,11,8,11.5,200\n"
    ),
    "FinRL": (
        "date,open,high,low,close,volume,tic,day\n"
        "2022-01-03,9,11,8,10.5,100,AAPL,0\n"
        "2022-01-04,9,11,8,11.5,200,AAPL,1\n"
    ),
}
