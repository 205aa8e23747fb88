import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of this package; the code runs as `dist/main.js`, and in tests as `src/package-folder.ts`. */
export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)))
