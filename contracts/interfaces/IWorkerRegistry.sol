// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who works: one identity per GPU node
/// @notice A worker is a hot key that does jobs and never owns money; its provider is the cold key that registered it.
/// The worker consents once, by an EIP-712 signature over (worker, provider), and belongs to that provider for ever.
interface IWorkerRegistry {
    /// @notice What a provider says of a worker. None of it is trusted for payment of more than the terms' price.
    struct Profile {
        address payout; // where its pay is credited; zero or the provider himself: to him, which is the cheapest
        bytes32 hardwareClass; // e.g. keccak256("cpu")
        bytes32 fingerprint; // what replays bit for bit: driver, CUDA, torch, ISA, threads
        uint64 capability; // benchmark score, thousandths of the class's reference
        uint128 price; // least price per job, pay-token units (advice to clients; enforced by the worker himself)
        uint16 capacity; // jobs at once; 0: takes none
        bytes32 recipient; // X25519 public key (age) for what is sealed to this worker
        bytes32 metadata; // sha256 inside the raw CIDv1 of a public description; zero: none
    }

    event WorkerRegistered(address indexed worker, address indexed provider, Profile profile);
    event WorkerUpdated(address indexed worker, Profile profile);
    event WorkerReclassed(address indexed worker, bytes32 hardwareClass, uint64 capability, uint128 price);
    event WorkerBeat(address indexed worker, uint64 capability);

    error ZeroAddress();
    error AlreadyRegistered(address worker, address provider);
    error NotProvider(address worker, address provider, address caller);
    error BadConsent(address worker);
    error UnknownWorker(address worker);

    /// @notice Register `worker` under the caller. `consent`: the worker's EIP-712 signature of
    /// Consent(address worker,address provider), or the worker is the caller himself (then empty).
    /// @dev reverts AlreadyRegistered, BadConsent, ZeroAddress (worker)
    function register(address worker, Profile calldata profile, bytes calldata consent) external;

    /// @notice Provider: change the profile. A new class or fingerprint counts as a new registration in age.
    /// @dev reverts NotProvider, UnknownWorker
    function update(address worker, Profile calldata profile) external;

    /// @notice The worker itself: what it measured says that it belongs to another class. For later jobs only: whoever has
    /// a seat keeps its terms. A new class counts as a new registration in age. Payee and capacity stay its provider's
    /// word, so a stolen hot key gains nothing here.
    /// @dev reverts UnknownWorker (the caller)
    function reclass(bytes32 hardwareClass, uint64 capability, uint128 price) external;

    /// @notice The worker itself: it is there, and so good by its own last measurement (thousandths of the class's
    /// reference). An event and no storage: it is evidence for who looks, no contract counts on it.
    /// @dev reverts UnknownWorker (the caller)
    function beat(uint64 capability) external;

    /// @notice Zero when unknown.
    function providerOf(address worker) external view returns (address);
    /// @notice Since when the worker is registered in its present class and with its present fingerprint; 0 when unknown.
    function registeredAt(address worker) external view returns (uint40);
    /// @notice What the worker computes on, and since when (timestamp and block) it and its class are what they are.
    /// @dev reverts UnknownWorker
    function machineOf(address worker) external view returns (bytes32 fingerprint, uint40 since, uint40 sinceBlock);
    /// @dev reverts UnknownWorker
    function profileOf(address worker) external view returns (Profile memory);
    /// @notice All that `take` needs, in one call (no revert: provider zero means unknown).
    /// `payee`: where pay goes. `classTag`: the first 5 bytes of the hardware class; a class is a claim, so one that shares
    /// them gains nothing.
    function standing(address worker)
        external
        view
        returns (address provider, address payee, uint40 since, uint16 capacity, bytes5 classTag);
    function consentDigest(address worker, address provider) external view returns (bytes32);
}
