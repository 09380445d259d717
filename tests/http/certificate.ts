/** A certificate for 127.0.0.1 and localhost, signed by itself and good for a hundred years. Protects nothing. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUZFvRe9P91fWHxjpvqxuYHdgJIkMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMDEzMTgzOFoYDzIxMjYxMDI3
MTMxODM4WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASbOMWfQwd+zMGxTHYm2lE/sfuCUuPKmlMZGJgkpry/cXg23pEijKEx
H9AXvo+SOCeHHnx3gP+PzZKjrnCAJpvTo28wbTAdBgNVHQ4EFgQUfqPf/NMHIoJB
KPMOUoYL/y6naqwwHwYDVR0jBBgwFoAUfqPf/NMHIoJBKPMOUoYL/y6naqwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDRwAwRAIgGhnJEtFIWNK3vHrlGzCAl0iTymSdojjB+LHpXVetQgcCIAQl
k+lnr5TjH9Nq4KDbP8I+1K0Xbaj+FsQVz2sE8EdR
-----END CERTIFICATE-----
`;

export const certificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEQpwN3yLK6NipMxL
7qsc5BbJgI0Edce/f1uNYcPOmQmhRANCAASbOMWfQwd+zMGxTHYm2lE/sfuCUuPK
mlMZGJgkpry/cXg23pEijKExH9AXvo+SOCeHHnx3gP+PzZKjrnCAJpvT
-----END PRIVATE KEY-----
`;
