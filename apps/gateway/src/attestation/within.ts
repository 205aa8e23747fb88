import { TpmError } from '@nomyo/tpm'

/**
 * What a promise gives, if it does so in time. What it does later is of no interest any more.
 *
 * @throws TpmError `ERR_TPM_TIMEOUT`
 */
export async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TpmError('ERR_TPM_TIMEOUT', 'The TPM took too long.'))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}
