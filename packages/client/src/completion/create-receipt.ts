/** The part of attest that is loaded on demand, alone: few clients keep receipts. */
export { createReceipt } from '@nomyo/attest/receipt'
