/**
 * Lets `using` call `dispose`, in runtimes that have the symbol for it. Done to objects, not to
 * classes: work at class level would keep bundlers from leaving an unused class out.
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
