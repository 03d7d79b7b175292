// Runs main.c as WebAssembly: node wasm.mjs FILE.wasm
import { readFileSync } from 'node:fs';

let memory;
const port_write = at => {
    const bytes = new Uint8Array(memory.buffer);
    let end = at;
    while (bytes[end]) end++;
    process.stdout.write(Buffer.from(bytes.slice(at, end)));
};
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), { env: { port_write, port_stack_used: () => 0 } });
memory = instance.exports.memory;
process.exitCode = instance.exports.main();
