// Runs the demo with the options of `pnpm demo`, which hands on the `--` before them.
import { argv } from 'node:process'

const options = argv.slice(2)
argv.splice(2, options.length, 'demo', ...options.slice(options[0] === '--' ? 1 : 0))
await import(new URL('../apps/cli/dist/main.js', import.meta.url).href)
