import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { problem, warning, type Finding } from './finding.js'

/** What the access rights of a secret file, or a folder of such, give to others. */
export async function lookAtAccess(
  path: string,
  { mode: wanted, secret }: { mode: '600' | '700'; secret: boolean },
): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const facts = await stat(path).catch(() => undefined)
  // Whoever reads it says what is wrong.
  if (facts === undefined) return []
  const { mode, uid } = facts
  const findings: Finding[] = []
  const rights = (mode & 0o777).toString(8).padStart(4, '0')
  if ((mode & 0o077) !== 0) {
    const find = secret && (mode & 0o007) !== 0 ? problem : warning
    findings.push(find(`${path} has mode ${rights}: others may use it`, `chmod ${wanted} ${path}`))
  }
  const user = process.geteuid?.()
  if (user !== undefined && uid !== user) {
    findings.push(
      warning(
        `${path} belongs to user ${uid}, and this is user ${user}`,
        'run the doctor as the user the gateway runs as, and let the file be of that user',
      ),
    )
  }
  return findings
}

/** Whether a folder could be made here, or be written if it is there. */
export async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK)
    return true
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const parent = dirname(path)
    return missing && parent !== path && (await isWritable(parent))
  }
}
