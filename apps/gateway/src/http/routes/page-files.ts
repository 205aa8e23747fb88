import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** One file of the chat page. */
export interface PageFile {
  readonly path: string
  readonly type: string
  readonly bytes: Uint8Array
}

/** Everything the page consists of: what is not here is not served. */
const FILES = [
  { path: '/', name: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/app.js', name: 'app.js', type: 'text/javascript; charset=utf-8' },
  { path: '/style.css', name: 'style.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', name: 'icon.svg', type: 'image/svg+xml' },
] as const

/** Reads the built page of `@nomyo/web` into memory, once: no URL ever reaches the file system. */
export async function readPage(): Promise<readonly PageFile[]> {
  const manifest = createRequire(import.meta.url).resolve('@nomyo/web/package.json')
  const folder = join(dirname(manifest), 'dist')
  return Promise.all(
    FILES.map(async ({ path, name, type }) => ({
      path,
      type,
      bytes: await readFile(join(folder, name)),
    })),
  )
}
