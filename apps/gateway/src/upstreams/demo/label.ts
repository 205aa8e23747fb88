/** Mark of every answer of the demo engine that has members of its own. */
export const LABEL = 'nomyo-demo-engine'
/** Model that answers with exactly the text that it was sent. */
export const ECHO_MODEL = 'nomyo/echo'
/** Begins every text of the demo engine that is no echo. */
export const NOTE = '[demo engine, not a model]'

/** Estimates four characters per token. */
export const roughTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4)

/** Writes the answer to a text: the text itself, or what happened to it. */
export const answerTo = (model: unknown, text: string): string =>
  model === ECHO_MODEL
    ? text
    : `${NOTE} Your message of ${String(text.length)} characters arrived encrypted, and only the gateway ` +
      `decrypted it. Start the gateway with --upstream to reach a real model.`
