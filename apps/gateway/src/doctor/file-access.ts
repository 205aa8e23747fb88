import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoCode, problem, warning, type Finding } from '@nomyo-internal/diagnostics'

/** Access rights that a file should have. */
export interface Access {
  /** `644` where other users may read, and must not write. */
  readonly mode: '600' | '644' | '700'
  /** Its content is a secret as it is. */
  readonly secret: boolean
}

/** Checks that the access rights of a file, or of a folder of them, exclude other users. */
export async function checkAccess(
  path: string,
  { mode: recommended, secret }: Access,
): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const stats = await stat(path).catch(() => undefined)
  // The check that reads the file reports that it is missing.
  if (stats === undefined) return []
  const { mode, uid } = stats
  const findings: Finding[] = []
  const user = process.geteuid?.()
  // A file of root reaches its user by a group or an access list: credentials of systemd, secrets of Kubernetes.
  const byGroup = uid === 0 && user !== 0 ? 0o050 : 0
  const excess = mode & 0o077 & ~Number.parseInt(recommended, 8) & ~byGroup
  if (excess !== 0) {
    const isOpenToAll = (excess & (secret ? 0o007 : 0o002)) !== 0
    const rights = (mode & 0o777).toString(8).padStart(4, '0')
    findings.push(
      (isOpenToAll ? problem : warning)(
        `${path} has mode ${rights}: other users ${recommended === '644' ? 'can change it' : 'have access'}`,
        `chmod ${recommended} ${path}`,
      ),
    )
  }
  // Root can change every file in any case.
  if (user !== undefined && uid !== user && uid !== 0) {
    findings.push(
      warning(
        `${path} belongs to user ${uid}, but this is user ${user}`,
        'run the gateway and the doctor as the same user, and make that user or root the owner',
      ),
    )
  }
  return findings
}

/** Checks whether a folder can be written, or created where it is missing. */
export async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK)
    return true
  } catch (error) {
    const parent = dirname(path)
    return errnoCode(error) === 'ENOENT' && parent !== path && (await isWritable(parent))
  }
}
