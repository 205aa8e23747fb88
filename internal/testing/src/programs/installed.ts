import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Where Chromium is: `CHROMIUM_PATH`, or where Debian installs it. */
export const CHROMIUM_PATH = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** Arguments that make each optional program print its version. */
const PROBES = {
  swtpm: '--version',
  'redis-server': '--version',
  openssl: 'version',
  nginx: '-v',
  haproxy: '-v',
  script: '--version',
  prlimit: '--version',
  setpriv: '--version',
  python3: '--version',
  'systemd-analyze': '--version',
  promtool: '--version',
  buildah: '--version',
} as const

/** A program that some tests need. */
export type ProgramName = keyof typeof PROBES | 'chromium'

/** Reports whether a program is installed; tests that need it are skipped otherwise. */
export function isInstalled(name: ProgramName): boolean {
  if (name === 'chromium') return existsSync(CHROMIUM_PATH)
  try {
    execFileSync(name, [PROBES[name]], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Lists the programs that are not installed, by default of all that tests need. */
export const missingPrograms = (
  names: readonly ProgramName[] = [...(Object.keys(PROBES) as (keyof typeof PROBES)[]), 'chromium'],
): ProgramName[] => names.filter((name) => !isInstalled(name))
