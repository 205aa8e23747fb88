import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoCode, problem, warning, type Finding } from '@nomyo-internal/diagnostics'

/** Checks that the access rights of a secret file, or of a folder of them, exclude other users. */
export async function checkAccess(
  path: string,
  { mode: recommended, secret }: { mode: '600' | '700'; secret: boolean },
): Promise<readonly Finding[]> {
  if (process.platform === 'win32') return []
  const stats = await stat(path).catch(() => undefined)
  // The check that reads the file reports that it is missing.
  if (stats === undefined) return []
  const { mode, uid } = stats
  const findings: Finding[] = []
  const rights = (mode & 0o777).toString(8).padStart(4, '0')
  if ((mode & 0o077) !== 0) {
    const severity = secret && (mode & 0o007) !== 0 ? problem : warning
    findings.push(
      severity(
        `${path} has mode ${rights}: other users have access`,
        `chmod ${recommended} ${path}`,
      ),
    )
  }
  const user = process.geteuid?.()
  if (user !== undefined && uid !== user) {
    findings.push(
      warning(
        `${path} belongs to user ${uid}, and this is user ${user}`,
        'run the doctor as the user of the gateway, and give the file to that user',
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
