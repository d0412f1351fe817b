/**
 * The browser's side of passkeys: what the API asks of a device, in the browser's own form, and what came of it. A
 * device that gives nothing is a `Problem` like any other, with words for a tenant.
 */

import { Problem } from "./api.js";

/** Whether this browser can make and use passkeys at all. */
export const passkeysWork = () => Boolean(globalThis.PublicKeyCredential && navigator.credentials);

/** Bytes from base64url. */
export function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** Bytes as base64url, without padding. */
export function base64url(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer ?? []));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Have this device make a passkey; the body that adds it. */
export async function makePasskey(asked) {
  const made = await device(() =>
    navigator.credentials.create({
      publicKey: {
        challenge: bytes(asked.challenge),
        rp: { id: asked.relying_party_id, name: asked.relying_party_name },
        user: { id: bytes(asked.user_handle), name: asked.user_name, displayName: asked.user_name },
        pubKeyCredParams: asked.algorithms.map((alg) => ({ type: "public-key", alg })),
        excludeCredentials: asked.known_credential_ids.map((id) => ({ type: "public-key", id: bytes(id) })),
        // To be found without an address typed, and opened by whoever unlocks the device, and by nobody else.
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
        attestation: "none",
        timeout: asked.timeout_milliseconds,
      },
    }),
  );
  return {
    challenge_id: asked.challenge_id,
    client_data: base64url(made.response.clientDataJSON),
    attestation: base64url(made.response.attestationObject),
  };
}

/** Have this device sign with a passkey of ours that it holds; the body that logs in. */
export async function signWithPasskey(asked) {
  const signed = await device(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: bytes(asked.challenge),
        rpId: asked.relying_party_id,
        userVerification: "required",
        timeout: asked.timeout_milliseconds,
      },
    }),
  );
  return {
    challenge_id: asked.challenge_id,
    credential_id: base64url(signed.rawId),
    client_data: base64url(signed.response.clientDataJSON),
    authenticator_data: base64url(signed.response.authenticatorData),
    signature: base64url(signed.response.signature),
    user_handle: base64url(signed.response.userHandle),
  };
}

// What a browser calls it, and what a tenant can do about it. A browser does not tell a cancel from a device that has no
// passkey, so that no site can find out.
const WORDS = {
  NotAllowedError:
    "Your device did not finish. You may have cancelled, or it took too long, or it has no passkey for us or no screen lock. Try again, or use your password.",
  InvalidStateError: "This device has a passkey for you already. Use that one.",
  NotSupportedError: "This device cannot make a passkey that we can use. Use your password.",
  ConstraintError: "This device has no screen lock. Set one up in its settings (a PIN, a pattern, your fingerprint or your face), then try again.",
};

/** What a device that gave nothing means for a tenant. */
export const deviceWords = (name) => WORDS[name] ?? "Your device could not do that. Try again, or use your password.";

async function device(act) {
  try {
    return await act();
  } catch (failure) {
    if (!(failure instanceof DOMException)) throw failure;
    throw new Problem({ slug: "device", title: "Your device did not finish", detail: deviceWords(failure.name) });
  }
}
