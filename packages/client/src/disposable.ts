import { SecurityError } from '@nomyo/crypto/errors'

/**
 * Lets `using` call `dispose`, in runtimes that have the symbol for it. Works on objects, not classes: a
 * statement at class level would keep bundlers from dropping an unused class.
 */
export function makeDisposable(object: { dispose(): void }): void {
  const symbol = (Symbol as { dispose?: symbol }).dispose
  if (symbol === undefined) return
  Object.defineProperty(object, symbol, {
    value: () => {
      object.dispose()
    },
  })
}

/** @throws SecurityError `ERR_KEY_DISPOSED` for what has been disposed of */
export function assertUsable(isDisposed: boolean): void {
  if (!isDisposed) return
  throw new SecurityError('ERR_KEY_DISPOSED', 'The client has been disposed of; create a new one.')
}
