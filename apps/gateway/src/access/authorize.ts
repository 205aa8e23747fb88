import { HttpError } from '../http-error.js'
import type { Caller } from './authenticate.js'

/** What is asked for. */
export interface Wish {
  readonly model: string
  readonly securityTier: string
}

/**
 * Holds a caller to the models and tiers of its key. One text for both: refusals travel in plaintext,
 * and the model was sealed.
 *
 * @throws HttpError 403
 */
export function authorize({ models, tiers }: Caller, { model, securityTier }: Wish): void {
  const allowed = (models?.includes(model) ?? true) && (tiers?.includes(securityTier) ?? true)
  if (!allowed) throw new HttpError(403, 'This API key is not for this model or security tier')
}
