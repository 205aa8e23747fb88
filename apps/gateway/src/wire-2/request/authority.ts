import { HttpError } from '../../http-error.js'

/**
 * Refuses requests for another server, where the names of this one are known. A name without a port stands for
 * every port.
 *
 * @throws HttpError 421
 */
export function checkAuthority(authority: string, names: readonly string[] = []): void {
  if (names.length === 0 || authority === '') return
  const given = authority.toLowerCase()
  const host = given.replace(/:\d{1,5}$/, '')
  const isOwn = names.some((name) => {
    const own = name.toLowerCase()
    return own === given || own === host
  })
  if (!isOwn)
    throw new HttpError(421, 'The request is for another server', undefined, 'misdirected')
}
