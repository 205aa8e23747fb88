import { userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { UsageError } from '../exit-codes.js'

/**
 * The home folder: `HOME`, or what the system says where that is empty or relative. Settings and keys
 * must not come from whatever folder this is run in.
 *
 * @throws UsageError when there is none
 */
export function homeFolder({ HOME: named = '' }: NodeJS.ProcessEnv): string {
  if (isAbsolute(named)) return named
  const home = homeBySystem()
  if (isAbsolute(home)) return home
  throw new UsageError('there is no home folder; set HOME to an absolute path')
}

/** A user without an entry in the password file has none. */
function homeBySystem(): string {
  try {
    return userInfo().homedir
  } catch {
    return ''
  }
}
