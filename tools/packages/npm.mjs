import { execFileSync } from 'node:child_process'
import { env } from 'node:process'

/**
 * Runs npm to its end, without the settings of this workspace that pnpm puts into the environment.
 *
 * @param {readonly string[]} words
 * @param {string} folder
 * @returns {string} its standard output
 */
export function npm(words, folder) {
  const own = Object.entries(env).filter(([name]) => !/^p?npm_/i.test(name))
  return execFileSync('npm', words, {
    cwd: folder,
    encoding: 'utf8',
    env: Object.fromEntries(own),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
