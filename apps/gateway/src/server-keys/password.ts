import { readFile } from 'node:fs/promises'
import { SecurityError } from '@nomyo/crypto'

/**
 * The password of key files: the first line of a file.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD`
 */
export async function readPasswordFile(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new SecurityError('ERR_KEY_PASSWORD', `The password file ${path} cannot be read.`)
  })
  const [password = ''] = text.split(/\r?\n/)
  if (password !== '') return password
  throw new SecurityError('ERR_KEY_PASSWORD', `The password file ${path} is empty.`)
}
