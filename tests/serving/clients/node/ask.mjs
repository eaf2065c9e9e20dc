// Asks serving.duckdb one question, as a Node service would: ask.mjs serving.duckdb SQL
import { DuckDBInstance } from "@duckdb/node-api";

const [file, sql] = process.argv.slice(2);
const database = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
const connection = await database.connect();
const answer = await connection.runAndReadAll(sql);
console.log(JSON.stringify(answer.getRowsJson()));
