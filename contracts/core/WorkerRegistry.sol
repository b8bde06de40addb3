// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";

/// @title WorkerRegistry, as IWorkerRegistry says
contract WorkerRegistry is IWorkerRegistry, EIP712 {
    bytes32 private constant CONSENT_TYPEHASH = keccak256("Consent(address worker,address provider)");

    /// @dev What `take` reads lies in the first slot, and in the second where the pay goes elsewhere than to the provider.
    struct Record {
        address provider; // slot 0
        uint32 since; // fits until the year 2106
        uint16 capacity;
        bytes5 classTag; // of hardwareClass
        bool ownPayee; // pay goes to `payout`
        address payout; // slot 1; zero: to the provider
        bytes32 hardwareClass;
        uint128 price;
        uint64 capability;
        uint40 sinceBlock; // as `since`, for draws that are named by blocks
        bytes32 fingerprint;
        bytes32 recipient;
        bytes32 metadata;
    }

    mapping(address worker => Record) private _records;

    constructor() EIP712("tensorgrid workers", "1") {}

    /// @inheritdoc IWorkerRegistry
    function register(address worker, Profile calldata profile, bytes calldata consent) external {
        require(worker != address(0), ZeroAddress());
        Record storage record = _records[worker];
        // INVARIANT: a worker belongs to one provider for ever, so what was locked for it is found again.
        require(record.provider == address(0), AlreadyRegistered(worker, record.provider));
        require(
            worker == msg.sender
                || SignatureChecker.isValidSignatureNowCalldata(worker, consentDigest(worker, msg.sender), consent),
            BadConsent(worker)
        );
        record.provider = msg.sender;
        _renew(record);
        _write(record, profile);
        emit WorkerRegistered(worker, msg.sender, profile);
    }

    /// @inheritdoc IWorkerRegistry
    function update(address worker, Profile calldata profile) external {
        Record storage record = _known(worker);
        require(record.provider == msg.sender, NotProvider(worker, record.provider, msg.sender));
        // INVARIANT: who changes what he computes on is as young as who comes anew, so no seat that he was drawn for before, nor
        // an audit that he is in, can be about another machine.
        bool same = record.hardwareClass == profile.hardwareClass && record.fingerprint == profile.fingerprint;
        if (!same) _renew(record);
        _write(record, profile);
        emit WorkerUpdated(worker, profile);
    }

    /// @inheritdoc IWorkerRegistry
    function reclass(bytes32 hardwareClass, uint64 capability, uint128 price) external {
        Record storage record = _known(msg.sender);
        if (record.hardwareClass != hardwareClass) _renew(record);
        record.classTag = bytes5(hardwareClass);
        record.hardwareClass = hardwareClass;
        record.price = price;
        record.capability = capability;
        emit WorkerReclassed(msg.sender, hardwareClass, capability, price);
    }

    /// @inheritdoc IWorkerRegistry
    function beat(uint64 capability) external {
        _known(msg.sender);
        emit WorkerBeat(msg.sender, capability);
    }

    /// @inheritdoc IWorkerRegistry
    function providerOf(address worker) external view returns (address) {
        return _records[worker].provider;
    }

    /// @inheritdoc IWorkerRegistry
    function registeredAt(address worker) external view returns (uint40) {
        return _records[worker].since;
    }

    /// @inheritdoc IWorkerRegistry
    function machineOf(address worker) external view returns (bytes32, uint40, uint40) {
        Record storage record = _known(worker);
        return (record.fingerprint, record.since, record.sinceBlock);
    }

    /// @inheritdoc IWorkerRegistry
    /// @dev `payout` as it takes effect: the provider where none of its own was given.
    function profileOf(address worker) external view returns (Profile memory) {
        Record storage record = _known(worker);
        return Profile({
            payout: record.ownPayee ? record.payout : record.provider,
            hardwareClass: record.hardwareClass,
            fingerprint: record.fingerprint,
            capability: record.capability,
            price: record.price,
            capacity: record.capacity,
            recipient: record.recipient,
            metadata: record.metadata
        });
    }

    /// @inheritdoc IWorkerRegistry
    function standing(address worker)
        external
        view
        returns (address provider, address payee, uint40 since, uint16 capacity, bytes5 classTag)
    {
        Record storage record = _records[worker];
        (provider, since, capacity, classTag) = (record.provider, record.since, record.capacity, record.classTag);
        payee = record.ownPayee ? record.payout : provider;
    }

    /// @inheritdoc IWorkerRegistry
    function consentDigest(address worker, address provider) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT_TYPEHASH, worker, provider)));
    }

    function _known(address worker) private view returns (Record storage record) {
        record = _records[worker];
        require(record.provider != address(0), UnknownWorker(worker));
    }

    function _renew(Record storage record) private {
        (record.since, record.sinceBlock) = (uint32(block.timestamp), uint40(block.number));
    }

    function _write(Record storage record, Profile calldata profile) private {
        bool ownPayee = profile.payout != address(0) && profile.payout != msg.sender;
        record.capacity = profile.capacity;
        record.classTag = bytes5(profile.hardwareClass);
        record.ownPayee = ownPayee;
        record.payout = ownPayee ? profile.payout : address(0);
        record.hardwareClass = profile.hardwareClass;
        record.price = profile.price;
        record.capability = profile.capability;
        record.fingerprint = profile.fingerprint;
        record.recipient = profile.recipient;
        record.metadata = profile.metadata;
    }
}
