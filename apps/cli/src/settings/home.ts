import { userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { UsageError, type Environment } from '@nomyo-internal/command-line'

/**
 * Finds the home folder: `HOME`, or the one the system knows where `HOME` is empty or relative, so that
 * settings and keys never come from the current folder.
 *
 * @throws UsageError when there is none
 */
export function homeFolder({ HOME: named = '' }: Environment): string {
  if (isAbsolute(named)) return named
  const home = homeBySystem()
  if (isAbsolute(home)) return home
  throw new UsageError('the home folder is unknown; set HOME to an absolute path')
}

/** A user without an entry in the password file has none. */
function homeBySystem(): string {
  try {
    return userInfo().homedir
  } catch {
    return ''
  }
}
