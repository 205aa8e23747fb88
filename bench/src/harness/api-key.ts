import { execFileSync } from 'node:child_process'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'

/**
 * Creates an API key in a file and returns it.
 *
 * @param options - further options of `nomyo-gateway keys add`
 */
export function addKey(keysFile: string, ...options: readonly string[]): string {
  const args = [GATEWAY_MAIN, 'keys', 'add', `--keys-file=${keysFile}`, ...options]
  const output = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return output.trim().split('\n').at(-1) ?? ''
}
