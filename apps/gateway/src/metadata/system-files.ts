import { open, readdir } from 'node:fs/promises'
import { errnoCode } from '@nomyo-internal/diagnostics'

/** Files of the operating system, such as those of `/proc`. */
export interface SystemFiles {
  readonly read: (path: string) => Promise<string>
  /** Lists the names in a folder. */
  readonly list: (path: string) => Promise<readonly string[]>
}

const MAX_BYTES = 64 * 1024

/** The files of this host. Only the beginning of a file is read: those of the kernel state no size. */
export const systemFiles: SystemFiles = {
  async read(path) {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  },
  list: (path) => readdir(path),
}

/** Returns the code of the system for a failed measurement, or `unreadable` for unexpected contents. */
export function reasonOf(error: unknown): string {
  const code = errnoCode(error)
  return /^E[A-Z]+$/.test(code) ? code : 'unreadable'
}
