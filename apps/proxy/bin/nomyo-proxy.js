#!/usr/bin/env node
// By default, SIGUSR1 opens Node's debugger, which shows prompts and keys to every user of the machine.
process.on('SIGUSR1', () => undefined)
await import('../dist/main.js')
