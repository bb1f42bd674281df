// Prints how many bytes a file has after Brotli at its best.
import fs from "node:fs";
import zlib from "node:zlib";

const bytes = fs.readFileSync(process.argv[2]);
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN } = zlib.constants;
const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 24 };
console.log(zlib.brotliCompressSync(bytes, { params }).length);
